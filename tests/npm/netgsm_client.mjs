// Drives Netgsm's official client (@netgsm/sms) against a simulator and prints one JSON line.
//
//   node netgsm_client.mjs BASE_URL USERNAME PASSWORD [SENDER] [NUMBER]
//
// The client has no option for another address: its constructor sets `this.baseURL` to
// https://api.netgsm.com.tr. The property is private in TypeScript only, and every call reads it,
// so setting it afterwards is enough; no request is intercepted and nothing of the client is changed.
//
// A report is empty (code 60) for a while after a send, and may be asked ten times a minute, so the
// script asks every REPORT_EVERY_MS (default 7000) for at most REPORT_WITHIN_MS (default 60000).
// Exit code: 0 all three calls succeeded, 1 one failed (the line says which), 2 usage.

import { setTimeout as wait } from "node:timers/promises";
import { Netgsm } from "@netgsm/sms";

const [baseUrl, username, password, sender = "KLINIK", number = "5321234567"] = process.argv.slice(2);
if (!password) {
  process.stderr.write("usage: node netgsm_client.mjs BASE_URL USERNAME PASSWORD [SENDER] [NUMBER]\n");
  process.exit(2);
}
const every = Number(process.env.REPORT_EVERY_MS ?? 7000);
const within = Number(process.env.REPORT_WITHIN_MS ?? 60000);

const client = new Netgsm({ username, password, appname: "ulak-test" });
client.baseURL = baseUrl.replace(/\/+$/, "");

/** The report's rows, and the codes that came before them. */
async function report(jobid) {
  const before = [];
  const deadline = Date.now() + within;
  for (;;) {
    try {
      const answer = await client.getReport({ bulkIds: [jobid] });
      return { before, code: answer.code, jobs: answer.jobs };
    } catch (error) {
      before.push(error.code);
      if (error.code !== "60" || Date.now() + every > deadline) throw error;
    }
    await wait(every);
  }
}

let step = "headers";
try {
  const headers = await client.getHeaders();
  step = "send";
  const sent = await client.sendRestSms({
    msgheader: sender,
    encoding: "TR",
    iysfilter: "0",
    messages: [{ msg: "Sayın Ayşe, randevunuz yarın 14:30'da.", no: number }],
  });
  step = "report";
  const reported = await report(sent.jobid);
  process.stdout.write(
    JSON.stringify({ ok: true, headers: headers.msgheaders, send: sent, report: reported }) + "\n",
  );
} catch (error) {
  const { status, code, description, message } = error;
  process.stdout.write(JSON.stringify({ ok: false, step, status, code, description, message }) + "\n");
  process.exitCode = 1;
}
