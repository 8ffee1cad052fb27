// Hears a device announce itself, reads it, then asks everyone: usage: bacnet_station.js DEVICE PORT
"use strict";
const Bacnet = require("node-bacnet");
const { promisify } = require("util");
const { run, tell } = require("./peer");

const [, , address, port] = process.argv;
const EVERYONE = { address: "255.255.255.255:47808" };
const station = new Bacnet({ interface: "0.0.0.0", port: Number(port),
  broadcastAddress: "255.255.255.255", apduTimeout: 3000 });
const SETPOINT = { type: Bacnet.enum.ObjectType.ANALOG_VALUE, instance: 1 };
const PRESENT_VALUE = 85;

// Resolves with the number of the next device that says who it is. It may not have started yet.
const heard = (ask) => new Promise((found, missed) => {
  const asking = setInterval(ask, 500);
  const timer = setTimeout(() => {
    clearInterval(asking);
    missed(new Error("nobody is there"));
  }, 8000);
  station.once("iAm", (device) => {
    clearTimeout(timer);
    clearInterval(asking);
    found(device.payload.deviceId);
  });
});
const read = async () => {
  const answer = await promisify(station.readProperty.bind(station))({ address }, SETPOINT,
    PRESENT_VALUE, {});
  return answer.values[0].value;
};

station.on("listening", async () => {
  tell({ listening: true });
  const announced = [["announced", () => heard(() => {})], ["read", read]];
  await run([
    ...(port === "47808" ? announced : []),
    ["find", () => heard(() => station.whoIs(EVERYONE))],
    ["read_found", read],
  ]);
  station.close();
});
