// A BACnet device that tells what it decodes of each request: usage: bacnet_receiver.js PORT
"use strict";
const Bacnet = require("node-bacnet");
const { tell } = require("./peer");

const [, , port] = process.argv;
const device = new Bacnet({ interface: "127.0.0.1", port: Number(port), apduTimeout: 1000 });
const NULL_TAG = 0;

function written(values) {
  const one = values && values.length === 1 ? values[0] : null;
  if (one === null) return { values: values ? values.length : 0, value: null };
  const number = typeof one.value === "boolean" ? Number(one.value) : one.value;
  return { values: 1, value: one.type !== NULL_TAG && Number.isFinite(number) ? number : null };
}

const object = (id) => [id.type, id.instance];

device.on("listening", () => tell({ listening: true }));
device.on("error", (error) => tell({ error: String(error) }));
device.on("readProperty", ({ header, payload, invokeId }) => {
  tell({ do: "read", object: object(payload.objectId), property: payload.property.id,
    index: payload.property.index });
  device.readPropertyResponse(header.sender, invokeId, payload.objectId, payload.property,
    [{ type: Bacnet.enum.ApplicationTag.REAL, value: 20 }]);
});
device.on("readPropertyMultiple", ({ header, payload, invokeId }) => {
  for (const each of payload.properties) {
    for (const property of each.properties) {
      tell({ do: "read", object: object(each.objectId), property: property.id,
        index: property.index });
    }
  }
  device.readPropertyMultipleResponse(header.sender, invokeId, []);
});
device.on("writeProperty", ({ header, payload, invokeId, service }) => {
  const { objectId, value } = payload;
  tell({ do: "write", object: object(objectId), property: value.property.id,
    index: value.property.index, priority: payload.priority || value.priority,
    ...written(value.value) });
  device.simpleAckResponse(header.sender, service, invokeId);
});
device.on("writePropertyMultiple", ({ header, payload, invokeId, service }) => {
  // It decodes the first object alone.
  for (const value of payload.values) {
    tell({ do: "write", object: object(payload.objectId), property: value.property.id,
      index: value.property.index, priority: value.priority, ...written(value.value) });
  }
  device.simpleAckResponse(header.sender, service, invokeId);
});
// Whatever else it takes is told by its name.
for (const name of ["iAm", "iHave", "covNotifyUnconfirmed", "timeSync", "timeSyncUTC", "whoHas", "whoIs",
  "privateTransfer", "atomicWriteFile", "atomicReadFile", "subscribeCov", "subscribeProperty",
  "deviceCommunicationControl", "reinitializeDevice", "readRange", "createObject", "deleteObject",
  "addListElement", "removeListElement", "alarmAcknowledge", "getAlarmSummary", "getEnrollmentSummary",
  "getEventInformation", "lifeSafetyOperation", "textMessage", "authenticate", "requestKey"]) {
  device.on(name, () => tell({ do: name }));
}
