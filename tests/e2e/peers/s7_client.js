// Reads and writes data blocks in one session: usage: s7_client.js SERVER
"use strict";
const snap7 = require("node-snap7");
const { run } = require("./peer");

const client = new snap7.S7Client();
const call = (name, ...words) => () => new Promise((resolve, reject) => {
  client[name](...words, (error, value) => {
    if (error) reject(new Error(client.ErrorText(error)));
    else resolve(Buffer.isBuffer(value) ? [...value] : "done");
  });
});

run([
  ["connect", call("ConnectTo", process.argv[2], 0, 2)],
  ["read", call("DBRead", 1, 0, 4)],
  ["write", call("DBWrite", 1, 10, 2, Buffer.from([7, 8]))],
  ["write_another", call("DBWrite", 2, 10, 2, Buffer.from([7, 8]))],
  ["stop", call("PlcStop")],
  ["read_again", call("DBRead", 1, 10, 2)],
]).then(() => client.Disconnect());
