"use strict";
// One task by the client, sent by one of the ways of the how-to: `ways.cjs PACKAGE WAY FILE`.
const Module = require("node:module");

const [name, way, file] = process.argv.slice(2);
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return resolve.call(this, request === "mergent" ? name : request, ...rest);
};

const found = require(file);
const mergent = way === "replaced" ? found : new (require("mergent"))(process.env.MERGENT_API_KEY);
mergent.tasks
  .create({ request: { url: process.env.HOOK, body: "moved" } })
  .then((task) => mergent.tasks.retrieve(task.id))
  .then((task) => console.log(JSON.stringify(task)));
