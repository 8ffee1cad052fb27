// An OPC UA server with a speed, a limit and a long archive: usage:
// opcua_server.js ADDRESS PORT FOLDER [CLIENT_URL]. It connects to the client where it has its URL.
"use strict";
const { OPCUAServer, Variant, DataType, StatusCodes, OPCUACertificateManager,
  nodesets } = require("node-opcua");
const { tell } = require("./peer");

const [, , address, port, folder, clientUrl] = process.argv;
let speed = 40;

async function main() {
  const certificates = new OPCUACertificateManager({ rootFolder: folder,
    automaticallyAcceptUnknownCertificate: true });
  await certificates.initialize();
  const server = new OPCUAServer({ hostname: address, port: Number(port), resourcePath: "/line",
    serverCertificateManager: certificates, userCertificateManager: certificates,
    nodeset_filename: [nodesets.standard],
    alternateHostname: [address], disableDiscovery: true,
    ...(clientUrl && { reverseConnect: { connections: [{ endpointUrl: clientUrl }],
      reconnectDelay: 300, maxReconnectDelay: 1000 } }),
    maxConnectionsPerEndpoint: 40, serverCapabilities: { maxSessions: 40 } });
  await server.initialize();
  const space = server.engine.addressSpace.getOwnNamespace();
  const line = space.addFolder("ObjectsFolder", { browseName: "Line" });
  space.addVariable({
    componentOf: line, browseName: "Speed", minimumSamplingInterval: 1000, nodeId: "s=Line.Speed", dataType: "Double",
    value: {
      get: () => new Variant({ dataType: DataType.Double, value: speed }),
      set: (variant) => {
        tell({ reached: "write", value: variant.value });
        speed = variant.value;
        return StatusCodes.Good;
      },
    },
  });
  space.addVariable({
    componentOf: line, browseName: "Limit", minimumSamplingInterval: 1000, nodeId: "s=Line.Limit", dataType: "Double",
    value: {
      get: () => new Variant({ dataType: DataType.Double, value: 100 }),
      set: (variant) => {
        tell({ reached: "write_limit", value: variant.value });
        return StatusCodes.Good;
      },
    },
  });
  const archive = Buffer.alloc(160000, "one of many chunks, ");
  space.addVariable({
    componentOf: line, browseName: "Archive", nodeId: "s=Line.Archive", dataType: "ByteString",
    value: { get: () => new Variant({ dataType: DataType.ByteString, value: archive }) },
  });
  await server.start();
  tell({ listening: true, namespace: space.index });
}

main().catch((error) => {
  tell({ failed: String(error.stack) });
  process.exit(1);
});
