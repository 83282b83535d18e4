// A phone must not fall asleep in a call: the screen stays on while the page is seen.

/** Keeps the screen on until the result is called, where the browser can (Screen Wake Lock). */
export function keepAwake(): () => void {
  let lock: WakeLockSentinel | undefined;
  let over = false;
  const hold = async () => {
    if (over || document.visibilityState !== "visible" || (lock && !lock.released)) return;
    try {
      lock = await navigator.wakeLock?.request("screen");
      if (over) await lock?.release();
    } catch {
      // Refused, as with an empty battery: the call goes on all the same.
    }
  };
  void hold();
  document.addEventListener("visibilitychange", hold); // the browser takes it back when the page is hidden
  return () => {
    over = true;
    document.removeEventListener("visibilitychange", hold);
    lock?.release().catch(() => {});
  };
}
