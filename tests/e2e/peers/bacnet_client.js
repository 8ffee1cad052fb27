// Finds a device, reads and writes its analog value: usage: bacnet_client.js DEVICE
"use strict";
const Bacnet = require("node-bacnet");
const { promisify } = require("util");
const { run } = require("./peer");

const [, , address] = process.argv;
const client = new Bacnet({ interface: "0.0.0.0", broadcastAddress: "255.255.255.255",
  apduTimeout: 4000 });
const device = { address };
const SETPOINT = { type: Bacnet.enum.ObjectType.ANALOG_VALUE, instance: 1 };
const LOCKED = { type: Bacnet.enum.ObjectType.ANALOG_VALUE, instance: 9 };
const PRESENT_VALUE = 85;

const read = (object) => async () => {
  const answer = await promisify(client.readProperty.bind(client))(device, object, PRESENT_VALUE, {});
  return answer.values[0].value;
};
const write = (object, value) => async () => {
  const values = [{ type: Bacnet.enum.ApplicationTag.REAL, value }];
  await promisify(client.writeProperty.bind(client))(device, object, PRESENT_VALUE, values,
    { priority: 8 });
  return "written";
};

// Everyone is asked; the first one that says who it is counts.
const find = () => new Promise((found, missed) => {
  client.once("iAm", (device) => found(device.payload.deviceId));
  setTimeout(() => missed(new Error("nobody is there")), 4000);
  client.whoIs();
});

client.on("listening", async () => {
  await run([
    ["find", find],
    ["set_clocks", async () => client.timeSync(null, new Date())],
    ["read", read(SETPOINT)],
    ["write", write(SETPOINT, 22)],
    ["write_too_high", write(SETPOINT, 90)],
    ["write_another", write(LOCKED, 22)],
    ["read_again", read(SETPOINT)],
  ]);
  client.close();
});
