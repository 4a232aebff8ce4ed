"use strict";
// A receiver as Mergent's users wrote it: it trusts what the package's own requestValidator trusts, and says what it saw.
const http = require("node:http");
const Mergent = require(process.argv[2]);
const { requestValidator } = new Mergent(process.env.MERGENT_API_KEY);

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString("utf-8");
    const valid = requestValidator.validateSignature(body, request.headers["x-mergent-signature"]);
    const forged = requestValidator.validateSignature(`${body} `, request.headers["x-mergent-signature"]);
    process.stdout.write(
      `${JSON.stringify({ valid, forged, body, method: request.method, headers: request.headers })}\n`);
    response.statusCode = valid ? 200 : 401;
    response.end();
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
