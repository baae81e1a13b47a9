// Counts texts with Twilio's own calculator. argv[2]: a folder with node_modules; stdin: ["text", …]. Run by it/twilio.rs.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "package.json"));
const { SegmentedMessage } = require("sms-segments-calculator");

const counted = JSON.parse(readFileSync(0, "utf8")).map((text) => {
  const message = new SegmentedMessage(text);
  return { encoding: message.encodingName, segments: message.segmentsCount };
});
console.log(JSON.stringify(counted));
