// node publish.mjs amqp://USER:PASSWORD@HOST/%2f < EVENTS     (npm install amqplib)
// One event (JSON) a line; the id of each is printed once RabbitMQ has it on disk.
import { createInterface } from "node:readline";
import amqplib from "amqplib";

const connection = await amqplib.connect(process.argv[2]);
const channel = await connection.createConfirmChannel();
channel.on("return", ({ fields }) => { throw new Error(`no queue takes ${fields.routingKey}`); });
const options = { contentType: "application/cloudevents+json", persistent: true, mandatory: true };
for await (const line of createInterface({ input: process.stdin })) {
  const event = JSON.parse(line);
  channel.publish("ulak.notifications", event.type, Buffer.from(line), options);
  await channel.waitForConfirms(); // rejects unless RabbitMQ has taken the message
  console.log(event.id);
}
await connection.close();
