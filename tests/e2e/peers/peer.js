// What the scripts of all peers share: a line of JSON for each thing that happened.
"use strict";

function tell(what) {
  process.stdout.write(JSON.stringify(what) + "\n");
}

// Runs steps in their order and tells how each ended: its value, or the stack's own error.
async function run(steps) {
  for (const [step, action] of steps) {
    try {
      tell({ step, value: await action() });
    } catch (error) {
      tell({ step, error: String(error.message || error) });
    }
  }
}

module.exports = { tell, run };
