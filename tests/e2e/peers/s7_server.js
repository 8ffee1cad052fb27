// An S7 server with two data blocks: usage: s7_server.js ADDRESS
"use strict";
const snap7 = require("node-snap7");
const { tell } = require("./peer");

const server = new snap7.S7Server();
const BLOCK_BYTES = 64;
server.SetResourceless(false);
for (const number of [1, 2]) {
  server.RegisterArea(server.srvAreaDB, number, Buffer.alloc(BLOCK_BYTES, number));
}
server.on("event", (event) => {
  if (event.EvtCode === server.evcDataWrite) {
    tell({ reached: "write", block: event.EvtParam2, first: event.EvtParam3 });
  }
  if (event.EvtCode === server.evcControl) tell({ reached: "control" });
});
if (!server.StartTo(process.argv[2])) {
  tell({ failed: server.ErrorText(server.LastError()) });
  process.exit(1);
}
tell({ listening: true });
setInterval(() => {}, 1000);
