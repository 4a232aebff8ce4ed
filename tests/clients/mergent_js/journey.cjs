"use strict";
// Every call of the client's surface, in an order that a user would make them; prints what came back, call by call.
const Mergent = require(process.argv[2]);
const mergent = new Mergent(process.env.MERGENT_API_KEY);
const hook = process.env.HOOK;
const answers = {};

async function ask(name, call) {
  try {
    const value = await call();
    answers[name] = { value: value === undefined ? null : value };
  } catch (error) {
    answers[name] = {
      error: error.message,
      errors: (error.errors || []).map((one) => one.message),
    };
  }
  return answers[name].value;
}

async function main() {
  const { tasks, schedules } = mergent;
  const later = { request: { url: hook, body: "later" }, scheduledFor: new Date("2027-01-02T03:04:05.678Z") };
  const now = await ask("create", () => tasks.create({ name: "now", request: { url: hook, body: "héllo" } }));
  const waiting = await ask("create_scheduled", () => tasks.create({ name: "waiting", ...later }));
  await ask("create_delay_object", () =>
    tasks.create({ request: { url: hook }, delay: { hours: 1.5, minutes: 5 } }));
  await ask("create_delay_iso", () => tasks.create({ request: { url: hook }, delay: "PT5M" }));
  await ask("create_object_body", () =>
    tasks.create({ request: { url: hook, headers: { "X-Of-The-User": "yes" }, body: { hello: ["wörld", 1] } } }));
  await ask("create_in_queue", () => tasks.create({ queue: "mail", request: { url: hook, body: "" } , delay: "PT1H"}));
  await ask("create_twice", () => tasks.create({ name: "waiting", request: { url: hook, body: "other" } }));
  await ask("create_wrong_url", () => tasks.create({ request: { url: "nowhere" } }));
  await ask("create_wrong_name", () => tasks.create({ name: "no spaces", request: { url: hook } }));
  await ask("create_wrong_delay", () => tasks.create({ request: { url: hook }, delay: "soon" }));
  await ask("retrieve", () => tasks.retrieve(now.id));
  await ask("retrieve_nothing", () => tasks.retrieve("0190b5a0-0000-7000-8000-000000000000"));
  await ask("update", () => tasks.update(waiting.id, { request: { url: hook, body: "changed" } }));
  await ask("run", () => tasks.run(waiting.id));
  await ask("run_again", () => tasks.run(waiting.id));
  await ask("list", () => tasks.list());
  const gone = await ask("create_to_delete", () => tasks.create({ request: { url: hook }, delay: "PT1H" }));
  await ask("delete", () => tasks.delete(gone.id));
  await ask("retrieve_deleted", () => tasks.retrieve(gone.id));
  const schedule = await ask("schedule_rrule", () =>
    schedules.create({
      name: "third-tuesday",
      rrule: "FREQ=MONTHLY;BYDAY=3TU",
      dtstart: "2027-01-01T09:00:00Z",
      request: { url: hook, body: "from a schedule" },
    }));
  await ask("schedule_cron", () => schedules.create({ cron: "0 9 * * 1-5", request: { url: hook } }));
  await ask("schedule_wrong", () => schedules.create({ cron: "0 99 * * *", request: { url: hook } }));
  if (schedules.retrieve) {
    await ask("schedule_retrieve", () => schedules.retrieve(schedule.id));
    await ask("schedule_update", () => schedules.update(schedule.id, { cron: "*/5 * * * *", rrule: null }));
    await ask("schedule_list", () => schedules.list());
    await ask("schedule_delete", () => schedules.delete(schedule.id));
    await ask("schedule_deleted", () => schedules.retrieve(schedule.id));
  }
  process.stdout.write(JSON.stringify(answers));
}

main().catch((error) => {
  process.stderr.write(String(error.stack || error));
  process.exit(1);
});
