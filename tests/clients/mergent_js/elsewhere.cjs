"use strict";
// A name override, as a line in /etc/hosts would be, and a port beside it: what is meant for api.mergent.co:443 connects
// to MAINSPRING_TLS_PORT on this machine. TLS still asks for, and checks, the name api.mergent.co.
const net = require("node:net");

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (options && options.host === "api.mergent.co" && Number(options.port) === 443) {
    options.host = "127.0.0.1";
    options.port = Number(process.env.MAINSPRING_TLS_PORT);
  }
  return connect.apply(this, args);
};
