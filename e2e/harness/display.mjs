// A screen of a scenario's own: an X server without a monitor, and witnesses that are not ours: ffmpeg sees the
// screen, xclip pastes.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { patience } from "./wait.mjs";

const exec = promisify(execFile);

export class Display {
  /** Starts one of `size` [width, height] on the stage. */
  static async start(stage, size = [800, 600]) {
    const server = stage.process("Xvfb", ["-displayfd", "1", "-screen", "0", `${size.join("x")}x24`, "-nolisten", "tcp"], "xvfb");
    const end = Date.now() + patience;
    while (!/\d+\n/.test(server.text.stdout)) {
      if (!server.running || Date.now() > end) throw new Error(`no X server (Debian's package xvfb): ${server.tail()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const d = new Display();
    d.name = `:${server.text.stdout.trim()}`;
    d.size = size;
    d.env = { DISPLAY: d.name, WAYLAND_DISPLAY: "", XDG_SESSION_TYPE: "", DBUS_SESSION_BUS_ADDRESS: "" };
    return d;
  }

  /** What is on the screen now: three bytes a pixel. */
  async pixels() {
    const { stdout } = await exec("ffmpeg", ["-v", "error", "-f", "x11grab", "-draw_mouse", "0", "-video_size", this.size.join("x"), "-i", this.name,
      "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], { encoding: "buffer", maxBuffer: 1 << 28 });
    return stdout;
  }

  /** What another program pastes; "" where there is nothing. */
  async pasted() {
    const done = exec("xclip", ["-selection", "clipboard", "-out"], { env: { ...process.env, ...this.env }, timeout: 20_000 });
    return (await done.catch(() => ({ stdout: "" }))).stdout;
  }
}

/** The pixels of a PNG, three bytes each, as ffmpeg reads it. */
export async function pixelsOf(file) {
  const { stdout } = await exec("ffmpeg", ["-v", "error", "-i", file, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], { encoding: "buffer", maxBuffer: 1 << 28 });
  return stdout;
}
