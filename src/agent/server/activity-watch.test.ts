import { describe, expect, it } from 'vitest';
import { createSteppedClock } from '../../lib/clock.ts';
import { createActivityWatch, type ActivityWatch } from './activity-watch.ts';

describe('activity, where an attached client counts', () => {
  it('stands still while one is attached and starts when the last one leaves', async () => {
    const clock = createSteppedClock();
    const watch = createActivityWatch(clock);
    watch.begin('attached');
    await clock.step(10);
    const [first, second] = [watch.attach(), watch.attach()];
    await clock.step(100);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(watch.read()).toEqual({ attachedClients: 1, idleForMs: 0 });
    expect(watch.isIdleFor(0)).toBe(false);
    await clock.step(100);
    second[Symbol.dispose]();
    await clock.step(30);
    expect(watch.read()).toEqual({ attachedClients: 0, idleForMs: 30 });
    expect([watch.isIdleFor(30), watch.isIdleFor(31)]).toEqual([true, false]);
  });

  it('begins anew with the session and with each touch', async () => {
    const clock = createSteppedClock();
    const watch = createActivityWatch(clock);
    await clock.step(1_000);
    watch.begin('attached');
    await clock.step(20);
    expect(watch.read().idleForMs).toBe(20);
    watch.touch();
    expect(watch.read().idleForMs).toBe(0);
  });
});

describe('whether a session was ever used', () => {
  it.each(['attached', 'messages'] as const)(
    'is known by attaching and by touching, where the policy is %s',
    (policy) => {
      const uses = [
        (watch: ActivityWatch) => watch.attach()[Symbol.dispose](),
        (watch: ActivityWatch) => watch.touch(),
      ];
      for (const use of uses) {
        const watch = createActivityWatch(createSteppedClock());
        watch.touch();
        watch.begin(policy);
        expect(watch.isUsed).toBe(false);
        use(watch);
        expect(watch.isUsed).toBe(true);
      }
    },
  );
});

describe('activity, where only messages count', () => {
  it('does not mind who comes and goes', async () => {
    const clock = createSteppedClock();
    const watch = createActivityWatch(clock);
    watch.begin('messages');
    const client = watch.attach();
    await clock.step(50);
    expect(watch.read()).toEqual({ attachedClients: 1, idleForMs: 50 });
    expect(watch.isIdleFor(50)).toBe(true);
    watch.touch();
    await clock.step(5);
    client[Symbol.dispose]();
    expect(watch.read()).toEqual({ attachedClients: 0, idleForMs: 5 });
  });
});
