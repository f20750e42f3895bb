// Greets people and counts how often; `../README.md` is what it is held to.

import { defineAgent, event, on, Reject } from "warren-agent";

export interface Requested {
  name: string;
}

export interface Greeted {
  text: string;
  count: number;
}

/** Somebody would like to be greeted. */
export const Requested = event<Requested>("action-requests", "hello.requested");

/** Something is to go wrong. */
export const Broken = event<object>("action-requests", "hello.broken");

/** Somebody was greeted. */
export const Greeted = event<Greeted>("action-results", "hello.greeted");

export default defineAgent({
  name: "hello",
  description: "Greets people and counts how often.",
  grants: ["working"],
  produces: [Greeted],
  handlers: [
    on(Requested, (ctx, { data: { name } }) => {
      if (typeof name !== "string") throw new Reject(`name: ${JSON.stringify(name)} is not a string`);
      const word = ctx.config("greeting") ?? "Hello";
      const count = ctx.working.increment(`greeted/${name}`);
      ctx.log.info(`greeting ${name}`, { count });
      ctx.publish(Greeted, { text: `${word}, ${name}!`, count });
    }),
    on(Broken, (ctx) => {
      ctx.working.put("broken", true);
      throw new Error("broken on purpose");
    }),
  ],
});
