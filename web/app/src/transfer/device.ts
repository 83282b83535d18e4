// What others read as the name of this device, where its person has given none.
import { loadName } from "../memory";

export function deviceName(agent = navigator.userAgent): string {
  return loadName() || `${browserName(agent)} on ${systemName(agent)}`;
}

function browserName(agent: string): string {
  if (/Edg\//.test(agent)) return "Edge";
  if (/Firefox\/|FxiOS\//.test(agent)) return "Firefox";
  if (/Chrome\/|Chromium\/|CriOS\//.test(agent)) return "Chrome";
  if (/Safari\//.test(agent)) return "Safari";
  return "A browser";
}

function systemName(agent: string): string {
  if (/iPhone/.test(agent)) return "iPhone";
  if (/iPad/.test(agent)) return "iPad";
  if (/Android/.test(agent)) return "Android";
  if (/Windows/.test(agent)) return "Windows";
  if (/Mac OS X/.test(agent)) return "Mac";
  if (/CrOS/.test(agent)) return "ChromeOS";
  return /Linux/.test(agent) ? "Linux" : "a device";
}
