// Drives Twilio's official client (twilio) against a simulator and prints one JSON line.
//
//   node twilio_client.mjs BASE_URL ACCOUNT_SID AUTH_TOKEN NUMBER
//
// The client knows its hosts by heart; only the address of each request is replaced here, as its own documentation of custom
// HTTP clients shows. It sends an SMS and a WhatsApp template with a StatusCallback to a server of this script, checks with the
// client's own `validateRequest` that every callback is signed as Twilio signs, lists and fetches, and asks for the templates.
// Exit code: 0 everything succeeded, 1 something failed (the line says what), 2 usage.

import http from "node:http";
import twilio from "twilio";

const [baseUrl, accountSid, authToken, number = "5321234567"] = process.argv.slice(2);
if (!authToken) {
  process.stderr.write("usage: node twilio_client.mjs BASE_URL ACCOUNT_SID AUTH_TOKEN [NUMBER]\n");
  process.exit(2);
}

class Redirected extends twilio.RequestClient {
  request(options) {
    options.uri = options.uri.replace(/^https:\/\/(api|content)\.twilio\.com/, baseUrl.replace(/\/+$/, ""));
    return super.request(options);
  }
}

const client = twilio(accountSid, authToken, { httpClient: new Redirected() });
const callbacks = [];
let finished;
const ended = new Promise((resolve) => (finished = resolve));
const ends = new Map();

/** Every callback is looked at as a user of the client would: by validateRequest, over all that came. */
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    const params = Object.fromEntries(new URLSearchParams(body));
    const url = `http://127.0.0.1:${server.address().port}${request.url}`;
    const signature = request.headers["x-twilio-signature"];
    const wrong = { ...params, MessageStatus: "read" };
    callbacks.push({
      query: request.url.split("?")[1] ?? "",
      sid: params.MessageSid,
      status: params.MessageStatus,
      valid: twilio.validateRequest(authToken, signature, url, params),
      forged: twilio.validateRequest(authToken, signature, url, wrong),
    });
    response.writeHead(204);
    response.end();
    if (params.MessageStatus === "delivered") {
      ends.set(params.MessageSid, true);
      if (ends.size === 2) finished();
    }
  });
});

server.listen(0, "127.0.0.1", async () => {
  let step = "sms";
  try {
    const callback = `http://127.0.0.1:${server.address().port}/h?m=ntf_a-1&b=It's+a#rc=2`;
    const sms = await client.messages.create({
      to: `+90${number}`,
      from: "+13185550100",
      body: "Sayın Ayşe, randevunuz yarın 14:30'da.",
      statusCallback: callback,
    });
    step = "whatsapp";
    const whatsapp = await client.messages.create({
      to: `whatsapp:+90${number}`,
      from: "whatsapp:+13185550100",
      contentSid: "HX00000000000000000000000000000001",
      contentVariables: JSON.stringify({ 1: "Ayşe", 2: "22.11.2026", 3: "14:30" }),
      statusCallback: callback,
    });
    step = "list";
    const listed = await client.messages.list({ to: `+90${number}`, limit: 5 });
    const fetched = await client.messages(sms.sid).fetch();
    step = "templates";
    const contents = await client.content.v1.contentAndApprovals.list({ limit: 5 });
    step = "refusal";
    let refusal = null;
    try {
      await client.messages.create({ to: `whatsapp:+90${number}`, from: "KLINIK", body: "x" });
    } catch (error) {
      refusal = { code: error.code, status: error.status };
    }
    step = "callbacks";
    await ended;
    process.stdout.write(
      JSON.stringify({
        ok: true,
        sms: { sid: sms.sid, status: sms.status, to: sms.to },
        whatsapp: { sid: whatsapp.sid, status: whatsapp.status, to: whatsapp.to, body: whatsapp.body },
        listed: listed.map((it) => it.sid),
        fetched: fetched.body,
        contents: contents.map((it) => [it.sid, it.approvalRequests.status]),
        refusal,
        callbacks,
      }) + "\n",
    );
    process.exit(0);
  } catch (error) {
    const { status, code, message } = error;
    process.stdout.write(JSON.stringify({ ok: false, step, status, code, message }) + "\n");
    process.exit(1);
  }
});
