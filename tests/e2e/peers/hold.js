// Keeps sessions of one protocol busy until its standard input ends, and tells what became of them:
// usage: hold.js opcua|s7|cip|bacnet SERVER SESSIONS FOLDER
// A session is lost when its stack says that it is closed, or has no answer for good.
"use strict";
const { promisify } = require("util");
const { tell } = require("./peer");

const [, , protocol, server, sessions, folder] = process.argv;
const PAUSE_MS = 200;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Each opens one session: { ask(), close(), lost() }. `ask` fails where no answer came, `lost` says
// why the session is gone, or nothing.
const openers = {
  async opcua(certificates) {
    const { OPCUAClient, MessageSecurityMode, SecurityPolicy, AttributeIds } = require("node-opcua");
    const client = OPCUAClient.create({ endpointMustExist: false, transportTimeout: 30000,
      securityMode: MessageSecurityMode.None, securityPolicy: SecurityPolicy.None,
      clientCertificateManager: certificates, keepSessionAlive: false,
      connectionStrategy: { maxRetry: 0 }, requestedSessionTimeout: 600000 });
    let gone;
    client.on("connection_lost", () => { gone = "connection_lost"; });
    client.on("close", () => { gone = gone || "close"; });
    await client.connect(`opc.tcp://${server}:4840/line`);
    const session = await client.createSession();
    session.on("session_closed", () => { gone = gone || "session_closed"; });
    return {
      async ask() {
        const value = await session.read({ nodeId: "ns=1;s=Line.Speed",
          attributeId: AttributeIds.Value });
        if (value.statusCode.name !== "Good") throw new Error(value.statusCode.name);
      },
      lost: () => gone,
      close: () => client.disconnect(),
    };
  },

  async s7() {
    const snap7 = require("node-snap7");
    const client = new snap7.S7Client();
    const call = (name, ...words) => new Promise((resolve, reject) => {
      client[name](...words, (error, value) => {
        if (error) reject(new Error(client.ErrorText(error)));
        else resolve(value);
      });
    });
    client.SetParam(client.RecvTimeout, 30000);
    await call("ConnectTo", server, 0, 2);
    return {
      ask: () => call("DBRead", 1, 0, 4),
      lost: () => (client.Connected() ? undefined : "not connected"),
      close: () => client.Disconnect(),
    };
  },

  async cip() {
    const { Controller, Tag, EthernetIP } = require("st-ethernet-ip");
    const controller = new Controller(true);
    controller.state.timeout_sp = 30000;
    let gone;
    controller.on("close", () => { gone = "close"; });
    controller.on("error", (error) => { gone = gone || String(error.message); });
    await controller.connect(server, 0, false);
    return {
      ask: () => controller.readTag(new Tag("Speed", null, EthernetIP.CIP.DataTypes.Types.DINT)),
      lost: () => gone,
      close: () => controller.disconnect(),
    };
  },

  async bacnet() {
    const Bacnet = require("node-bacnet");
    const client = new Bacnet({ interface: "0.0.0.0", port: 47809 + openers.count++,
      apduTimeout: 1000 });
    const read = promisify(client.readProperty.bind(client));
    return {
      ask: () => read({ address: server }, { type: 2, instance: 1 }, 85, {}),
      lost: () => undefined,
      close: () => client.close(),
    };
  },
};
openers.count = 0;

async function hold(session, told, state) {
  let last = Date.now();
  while (!state.over) {
    try {
      await session.ask();
      told.answers += 1;
      told.gap_ms = Math.max(told.gap_ms, Date.now() - last);
      last = Date.now();
      told.failed = undefined;
    } catch (error) {
      told.failures += 1;
      told.failed = String(error.message || error).slice(0, 200);
    }
    told.lost = session.lost();
    if (told.lost) return;
    await wait(PAUSE_MS);
  }
}

async function main() {
  let certificates;
  if (protocol === "opcua") {
    const { OPCUACertificateManager } = require("node-opcua");
    certificates = new OPCUACertificateManager({ rootFolder: folder,
      automaticallyAcceptUnknownCertificate: true });
    await certificates.initialize();
  }
  const state = { over: false };
  const held = [];
  for (let i = 0; i < Number(sessions); ++i) {
    const session = await openers[protocol](certificates);
    const told = { answers: 0, failures: 0, gap_ms: 0 };
    held.push({ session, told, done: hold(session, told, state) });
  }
  tell({ holding: held.length });
  process.stdin.resume();
  await new Promise((resolve) => process.stdin.once("end", resolve));
  state.over = true;
  await Promise.race([Promise.all(held.map((each) => each.done)), wait(35000)]);
  tell({ sessions: held.map((each) => each.told) });
  process.exit(0);
}

process.on("uncaughtException", (error) => tell({ uncaught: String(error.message) }));
main().catch((error) => {
  tell({ failed: String(error.stack) });
  process.exit(1);
});
