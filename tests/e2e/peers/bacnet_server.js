// A BACnet device, number 7, with one analog value: usage: bacnet_server.js [STATION]
// Where it is told of a station it announces itself there, and answers whoever asks alone.
"use strict";
const Bacnet = require("node-bacnet");
const { tell } = require("./peer");

const [, , station] = process.argv;
const PRESENT_VALUE = 85;
let present = 21.5;
const device = new Bacnet({ interface: "0.0.0.0", broadcastAddress: "255.255.255.255" });

const announce = (to) => device.iAmResponse(to, 7, Bacnet.enum.Segmentation.NO_SEGMENTATION, 260);
device.on("listening", () => {
  tell({ listening: true });
  if (station) announce({ address: station });
});
device.on("whoIs", (asked) => {
  tell({ reached: "who_is" });
  announce(station ? asked.header.sender : null);
});
device.on("timeSync", () => tell({ reached: "time" }));
device.on("readProperty", (asked) => {
  const { objectId, property } = asked.payload;
  tell({ reached: "read", object: objectId, property: property.id });
  device.readPropertyResponse(asked.header.sender, asked.invokeId, objectId, property,
    [{ type: Bacnet.enum.ApplicationTag.REAL, value: present }]);
});
device.on("writeProperty", (asked) => {
  const { objectId, value } = asked.payload;
  tell({ reached: "write", object: objectId, value: value.value[0].value });
  if (value.property.id === PRESENT_VALUE) present = value.value[0].value;
  device.simpleAckResponse(asked.header.sender, asked.service, asked.invokeId);
});
