// Reads a tag again and again, and tells what it took for its value: usage: cip_receiver.js SERVER
"use strict";
const { Controller, Tag, EthernetIP } = require("st-ethernet-ip");
const { tell } = require("./peer");

const DINT = EthernetIP.CIP.DataTypes.Types.DINT;
const PATIENCE_MS = 150;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function read(controller) {
  const tag = new Tag("Speed", null, DINT);
  try {
    await controller.readTag(tag);
    tell({ took: tag.value });
    return true;
  } catch (error) {
    tell({ error: String(error.message || error.generalStatusCode || error) });
    return false;
  }
}

async function main() {
  tell({ listening: true });
  for (;;) {
    const controller = new Controller(true);
    controller.on("error", () => {});
    try {
      await controller.connect(process.argv[2], 0, false);
      controller.timeout_sp = PATIENCE_MS;
      // After an error it may stand anywhere, and begins anew.
      while (await read(controller));
    } catch (error) {
      tell({ error: String(error.message || error) });
    }
    if (controller.destroy) controller.destroy();
    await wait(5);
  }
}

process.on("uncaughtException", (error) => tell({ error: String(error.message) }));
process.on("unhandledRejection", (error) => tell({ error: String(error) }));
main();
