// An OPC UA server that tells what it decodes of each request: usage: opcua_receiver.js PORT FOLDER
"use strict";
const { OPCUAServer, Variant, DataType, StatusCodes, OPCUACertificateManager, NodeIdType,
  nodesets } = require("node-opcua");
const { tell } = require("./peer");

const [, , port, folder] = process.argv;

function node(id) {
  const names = { [NodeIdType.STRING]: "s", [NodeIdType.GUID]: "g", [NodeIdType.BYTESTRING]: "b" };
  if (id.identifierType === NodeIdType.NUMERIC) return [id.namespace, id.value, ""];
  const octets = Buffer.isBuffer(id.value) ? id.value : Buffer.from(String(id.value || ""), "utf8");
  return [id.namespace, names[id.identifierType] || "?", octets.toString("hex")];
}

// The number of a scalar, and its type.
function scalar(value) {
  const variant = value && value.value;
  if (!variant) return [null, -1];
  const number = typeof variant.value === "boolean" ? Number(variant.value) : variant.value;
  const one = variant.arrayType === 0 && typeof number === "number" && Number.isFinite(number);
  return [one ? number : null, variant.dataType];
}

const items = {
  ReadRequest: (request) => (request.nodesToRead || []).map((item) =>
    [node(item.nodeId), item.attributeId, 0]),
  WriteRequest: (request) => (request.nodesToWrite || []).map((item) =>
    [node(item.nodeId), item.attributeId, 0, ...scalar(item.value)]),
  CallRequest: (request) => (request.methodsToCall || []).map((item) =>
    [node(item.objectId), node(item.methodId)]),
  BrowseRequest: (request) => (request.nodesToBrowse || []).map((item) => [node(item.nodeId)]),
  RegisterNodesRequest: (request) => (request.nodesToRegister || []).map((id) => [node(id)]),
  CreateMonitoredItemsRequest: (request) => (request.itemsToCreate || []).map((item) =>
    [node(item.itemToMonitor.nodeId), item.itemToMonitor.attributeId]),
};

// What opens a session is nobody's business.
const opens = new Set(["OpenSecureChannelRequest", "CloseSecureChannelRequest", "CreateSessionRequest",
  "ActivateSessionRequest", "CloseSessionRequest"]);

function heard(request) {
  const name = request.constructor.name;
  if (opens.has(name)) return;
  tell({ do: name.replace(/Request$/, ""), items: items[name] ? items[name](request) : [] });
}

async function main() {
  const certificates = new OPCUACertificateManager({ rootFolder: folder,
    automaticallyAcceptUnknownCertificate: true });
  await certificates.initialize();
  const server = new OPCUAServer({ hostname: "127.0.0.1", port: Number(port), resourcePath: "/line",
    serverCertificateManager: certificates, userCertificateManager: certificates,
    nodeset_filename: [nodesets.standard], maxConnectionsPerEndpoint: 1000,
    serverCapabilities: { maxSessions: 100000 }, disableDiscovery: true });
  await server.initialize();
  const space = server.engine.addressSpace.getOwnNamespace();
  const line = space.addFolder("ObjectsFolder", { browseName: "Line", nodeId: "s=Line" });
  for (const [name, id] of [["Speed", "s=Line.Speed"], ["Limit", "s=Line.Limit"], ["Number", "i=1000"],
    ["Guard", "i=1001"]]) {
    space.addVariable({ componentOf: line, browseName: name, nodeId: id, dataType: "Double",
      minimumSamplingInterval: 1000,
      value: { get: () => new Variant({ dataType: DataType.Double, value: 40 }),
        set: () => StatusCodes.Good } });
  }
  for (const [name, id] of [["Acknowledge", "i=2000"], ["Restart", "i=2001"]]) {
    const method = space.addMethod(line, { browseName: name, nodeId: id });
    method.bindMethod((inputs, context, done) => done(null, { statusCode: StatusCodes.Good }));
  }
  server.on("request", heard);
  await server.start();
  tell({ listening: true });
}

main().catch((error) => {
  tell({ failed: String(error.stack) });
  process.exit(1);
});
