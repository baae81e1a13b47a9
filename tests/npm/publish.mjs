// Publishes events with amqplib, as a clinic's Node program would.
//
//   node publish.mjs AMQP_URL < EVENTS
//
// One event (JSON) a line on standard input; each goes to the exchange `ulak.notifications` with its own type as
// routing key, persistent, and is confirmed before its line is printed: {"id": ..., "at_ms": when it was handed over}.

import { createInterface } from "node:readline";
import amqplib from "amqplib";

const [url] = process.argv.slice(2);
if (!url) {
  process.stderr.write("usage: node publish.mjs AMQP_URL < EVENTS\n");
  process.exit(2);
}

const connection = await amqplib.connect(url);
const channel = await connection.createConfirmChannel();
for await (const line of createInterface({ input: process.stdin })) {
  const event = JSON.parse(line);
  const at_ms = Date.now();
  channel.publish("ulak.notifications", event.type, Buffer.from(JSON.stringify(event)), {
    contentType: "application/cloudevents+json",
    persistent: true,
    messageId: event.id,
    mandatory: true,
  });
  await channel.waitForConfirms();
  process.stdout.write(JSON.stringify({ id: event.id, at_ms }) + "\n");
}
await channel.close();
await connection.close();
