// What a real camera would see: a moving picture, as sharp and noisy as one, for Chromium's fake camera. Its
// own picture is so plain that it takes a third of the bitrate.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { run } from "./process.mjs";

export class Film {
  /** Some seconds of film that begin again at their end, 2.7 MB each. Chromium plays MJPEG at 30 frames a second. */
  static async make({ width = 1280, height = 720, seconds = 6 } = {}) {
    const f = new Film();
    f.folder = mkdtempSync(path.join(tmpdir(), "switchyard-film-"));
    f.file = path.join(f.folder, "film.mjpeg");
    const picture = `testsrc2=size=${width}x${height}:rate=30,noise=alls=10:allf=t`;
    await run("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", picture, "-t", String(seconds), "-c:v", "mjpeg", "-q:v", "6", f.file], { log: "film" });
    return f;
  }

  /** The same encoded in several sizes with a keyframe every 3 s, and a tone: files for `switchyard publish --layers`. */
  async encoded(sizes, { seconds = 6 } = {}) {
    const files = [];
    for (const { height, kbps } of sizes) {
      const file = path.join(this.folder, `film-${height}-${kbps}.ivf`), rate = `${kbps}k`;
      await run("ffmpeg", ["-v", "error", "-framerate", "30", "-i", this.file, "-t", String(seconds), "-vf", `scale=-2:${height},fps=25`,
        "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "6", "-auto-alt-ref", "0", "-lag-in-frames", "0",
        "-g", "75", "-keyint_min", "75", "-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, file], { log: "film" });
      files.push(file);
    }
    const tone = path.join(this.folder, "tone.ogg");
    await run("ffmpeg", ["-y", "-v", "error", "-f", "lavfi", "-i", `sine=frequency=440:duration=${seconds}`, "-c:a", "libopus", "-b:a", "32k", tone], { log: "film" });
    return [...files, tone];
  }

  /** The flag with which a Chromium films it. */
  get flag() {
    return `--use-file-for-fake-video-capture=${this.file}`;
  }

  close() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
