// A BACnet device with one analog value: usage: bacnet_server.js ADDRESS
"use strict";
const Bacnet = require("node-bacnet");
const { tell } = require("./peer");

const PRESENT_VALUE = 85;
let present = 21.5;
const device = new Bacnet({ interface: process.argv[2], broadcastAddress: process.argv[2] });

device.on("listening", () => tell({ listening: true }));
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
