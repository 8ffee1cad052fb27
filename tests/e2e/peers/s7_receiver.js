// An S7 server that tells what each job did to its memory: usage: s7_receiver.js PORT
"use strict";
const snap7 = require("node-snap7");
const { tell } = require("./peer");

const server = new snap7.S7Server();
const BLOCK_BYTES = 1024;
const DB_AREA = 0x84;
const LOCAL_PORT = 1; // snap7's parameter number
server.SetResourceless(false);
server.SetParam(LOCAL_PORT, Number(process.argv[2]));
const kept = new Map();
for (const number of [1, 2]) {
  server.RegisterArea(server.srvAreaDB, number, Buffer.alloc(BLOCK_BYTES));
  kept.set(number, Buffer.alloc(BLOCK_BYTES));
}

function touched(event) {
  const [area, db, first, bytes] = [event.EvtParam1, event.EvtParam2, event.EvtParam3,
    event.EvtParam4];
  const wrote = event.EvtCode === server.evcDataWrite;
  const line = { do: wrote ? "write" : "read", area, db, first, bytes, data: "", before: "" };
  if (wrote && area === DB_AREA && kept.has(db)) {
    const now = server.GetArea(server.srvAreaDB, db);
    line.data = now.subarray(first, first + bytes).toString("hex");
    line.before = kept.get(db).subarray(first, first + bytes).toString("hex");
    kept.set(db, Buffer.from(now));
  }
  tell(line);
}

server.on("event", (event) => {
  const data = event.EvtCode === server.evcDataRead || event.EvtCode === server.evcDataWrite;
  if (data) {
    if (event.EvtRetCode === 0) touched(event);
    return;
  }
  tell({ event: event.EvtCode, p: [event.EvtParam1, event.EvtParam2, event.EvtParam3,
    event.EvtParam4] });
});
if (!server.StartTo("127.0.0.1")) {
  tell({ failed: server.ErrorText(server.LastError()) });
  process.exit(1);
}
tell({ listening: true });
setInterval(() => {}, 1000);
