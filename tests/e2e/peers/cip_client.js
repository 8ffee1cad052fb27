// Tags on a connection of their own, then inputs and outputs, and inputs that the device sends to a
// group: usage: cip_client.js SERVER OWN_ADDRESS GROUP
"use strict";
const { Controller, Tag, EthernetIP, IO } = require("st-ethernet-ip");
const { run, tell } = require("./peer");

const [server, own, group] = process.argv.slice(2);
const DINT = EthernetIP.CIP.DataTypes.Types.DINT;
const controller = new Controller(true);

function read(name) {
  return async () => {
    const tag = new Tag(name, null, DINT);
    await controller.readTag(tag);
    return tag.value;
  };
}

function write(name, value) {
  return async () => {
    const tag = new Tag(name, null, DINT);
    tag.value = value;
    await controller.writeTag(tag);
    return "written";
  };
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The library asks for inputs to its own host alone; the parameters of a connection are built for
// the way to the target first.
function ask_for_group() {
  const manager = EthernetIP.CIP.ConnectionManager;
  const build = manager.build_connectionParameters;
  let ways = 0;
  manager.build_connectionParameters = (owner, type, ...others) =>
    build(owner, ways++ % 2 === 1 ? manager.connectionType.Multicast : type, ...others);
}

// Opens a connection and tells how many of its inputs arrived within two seconds.
function scan(outputs, to_group) {
  return async () => {
    const scanner = new IO.Scanner(2222, to_group ? undefined : own);
    if (to_group) {
      ask_for_group();
      scanner.socket.on("listening", () => scanner.socket.addMembership(group, own));
    }
    const connection = scanner.addConnection({
      configInstance: { assembly: 151, size: 0 },
      outputInstance: { assembly: outputs, size: 4 },
      inputInstance: { assembly: 100, size: 8 },
    }, 20, server);
    let inputs = 0;
    scanner.socket.on("message", () => { inputs += 1; });
    connection.outputData.writeUInt32LE(77);
    await wait(2000);
    const open = inputs;
    const id = connection.tcpController.OTconnectionID;
    if (id) {
      await connection.tcpController.forwardClose();
      await wait(300); // what was under way
      inputs = 0;
      await wait(500);
    }
    connection.run = false;
    scanner.socket.close();
    return { open, closed: inputs };
  };
}

run([
  ["connect", async () => { await controller.connect(server, 0, false); return "open"; }],
  ["read", read("Speed")],
  ["write", write("Speed", 60)],
  ["write_too_high", write("Speed", 101)],
  ["write_another", write("Guard", 0)],
  ["read_again", read("Speed")],
  ["inputs", scan(150)],
  ["forbidden_outputs", scan(152)],
  ["inputs_to_group", scan(150, true)],
]).then(() => {
  tell({ step: "end" });
  process.exit(0);
});
