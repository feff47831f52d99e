// Of several pages of this browser, one leads: it goes on by itself with uploads whose files the browser still lets us
// open. When it is closed, another one takes over; meanwhile the others watch.

const LOCK = "drive-uploads";

/**
 * @param {LockManager | undefined} locks absent on plain http: then each page leads
 * @param {() => void} onLead
 */
export function lead(locks, onLead) {
  if (locks === undefined) return onLead();
  const kept = () => {
    onLead();
    return new Promise(() => {}); // until the page goes
  };
  locks.request(LOCK, kept).catch(onLead);
}
