//go:build ignore

// Gen draws the built-in clips and encodes them with ffmpeg (libvpx, libx264, libaom, libopus):
// run "go run gen.go" in this folder. It is run by hand when the clips shall change; the results are
// committed.
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"switchyard/client/clip"
)

const (
	fps       = clip.FPS
	flash     = clip.FlashFrames
	lookahead = 312.0 / 48000 // of the Opus encoder: RTP has no pre-skip, so we beep earlier by it
)

func main() {
	if err := os.MkdirAll("data", 0o755); err != nil {
		log.Fatal(err)
	}
	vp8 := []string{"-c:v", "libvpx", "-deadline", "best", "-auto-alt-ref", "0", "-lag-in-frames", "0", "-error-resilient", "0"}
	encode("clock.ivf", 640, 360, 10*fps, clock, append(vp8, "-g", "13", "-keyint_min", "13", "-b:v", "110k", "-qmin", "8", "-qmax", "52"))
	for height, rate := range map[int]string{90: "15k", 180: "35k", 360: "80k"} {
		scale := fmt.Sprintf("scale=-2:%d", height)
		encode(fmt.Sprintf("layers-%d.ivf", height), 640, 360, 2*fps, clock, append(vp8, "-vf", scale, "-g", "10", "-keyint_min", "10", "-b:v", rate, "-qmin", "12", "-qmax", "56"))
	}
	for i, c := range clip.Colours {
		paint := func(img *image.RGBA, n int) { card(img, n, i, c.Value) }
		encode(c.Name+".ivf", 320, 180, 2*fps, paint, append(vp8, "-g", "5", "-keyint_min", "5", "-crf", "30", "-b:v", "60k"))
		beep(c.Name+".ogg", float64(c.Tone))
	}
	teal := func(img *image.RGBA, n int) { card(img, n, 0, clip.Colours[0].Value) }
	encode("h264.h264", 320, 180, 2*fps, teal, []string{"-c:v", "libx264", "-profile:v", "baseline", "-level", "3.1",
		"-preset", "veryslow", "-tune", "zerolatency", "-x264-params", "keyint=5:min-keyint=5:scenecut=0:sliced-threads=0:threads=1:aud=0:repeat-headers=1", "-crf", "34", "-f", "h264", "-bsf:v", "filter_units=remove_types=6"})
	encode("vp9.ivf", 320, 180, 2*fps, teal, []string{"-c:v", "libvpx-vp9", "-deadline", "best", "-auto-alt-ref", "0", "-lag-in-frames", "0", "-g", "5", "-keyint_min", "5", "-crf", "48", "-b:v", "0"})
	encode("av1.ivf", 320, 180, 2*fps, teal, []string{"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "4", "-lag-in-frames", "0", "-g", "5", "-keyint_min", "5", "-crf", "48", "-b:v", "0"})
}

// clock is the picture of the main clip: a face with a running hand, the seconds in words of light,
// a moving bar, and a white flash at the start of each second.
func clock(img *image.RGBA, n int) {
	b := img.Bounds()
	if n%fps < flash {
		fill(img, b, color.White)
		return
	}
	fill(img, b, color.RGBA{24, 38, 58, 255})
	cx, cy, r := 180.0, 170.0, 130.0
	disc(img, cx, cy, r, color.RGBA{235, 238, 240, 255})
	disc(img, cx, cy, r-6, color.RGBA{40, 60, 90, 255})
	for h := range 10 {
		a := 2 * math.Pi * float64(h) / 10
		disc(img, cx+math.Sin(a)*(r-20), cy-math.Cos(a)*(r-20), 5, color.RGBA{235, 238, 240, 255})
	}
	a := 2 * math.Pi * float64(n) / (10 * fps)
	for d := 0.0; d < r-30; d += 2 {
		disc(img, cx+math.Sin(a)*d, cy-math.Cos(a)*d, 4, color.RGBA{255, 170, 40, 255})
	}
	digit(img, 390, 60, n/fps, color.RGBA{255, 170, 40, 255})
	digit(img, 520, 60, n%fps*10/fps, color.RGBA{120, 190, 255, 255})
	fill(img, image.Rect(486, 204, 504, 222), color.RGBA{255, 170, 40, 255})
	fill(img, image.Rect(0, 330, b.Dx()*(n%fps+1)/fps, 350), color.RGBA{90, 200, 140, 255})
}

// digit draws a seven-segment digit of 90 by 162 pixels.
func digit(img *image.RGBA, x, y, d int, c color.Color) {
	segments := [10]uint8{0x77, 0x24, 0x5d, 0x6d, 0x2e, 0x6b, 0x7b, 0x25, 0x7f, 0x6f}[d]
	for i, s := range []image.Rectangle{
		image.Rect(18, 0, 72, 18), image.Rect(0, 18, 18, 72), image.Rect(72, 18, 90, 72), image.Rect(18, 72, 72, 90),
		image.Rect(0, 90, 18, 144), image.Rect(72, 90, 90, 144), image.Rect(18, 144, 72, 162),
	} {
		if segments>>i&1 == 1 {
			fill(img, s.Add(image.Pt(x, y)), c)
		}
	}
}

// card is the picture of a small clip: its colour, its number as three blocks (white is 1, black
// is 0, the highest bit on the left), and a bar that moves.
func card(img *image.RGBA, n, id int, c color.RGBA) {
	b := img.Bounds()
	if n%fps < flash {
		fill(img, b, color.White)
		return
	}
	fill(img, b, c)
	for bit := range 3 {
		block := color.Gray{0}
		if id>>(2-bit)&1 == 1 {
			block = color.Gray{255}
		}
		fill(img, image.Rect(32+bit*96, 16, 32+bit*96+64, 80), block)
	}
	x := 16 + n%fps/5*48
	fill(img, image.Rect(x, 128, x+48, 160), color.Gray{128})
}

func fill(img *image.RGBA, r image.Rectangle, c color.Color) {
	draw.Draw(img, r.Intersect(img.Bounds()), image.NewUniform(c), image.Point{}, draw.Src)
}

func disc(img *image.RGBA, cx, cy, r float64, c color.Color) {
	for y := int(cy - r); y <= int(cy+r); y++ {
		for x := int(cx - r); x <= int(cx+r); x++ {
			if dx, dy := float64(x)-cx, float64(y)-cy; dx*dx+dy*dy <= r*r {
				img.Set(x, y, c)
			}
		}
	}
}

func encode(name string, w, h, frames int, paint func(*image.RGBA, int), codec []string) {
	var raw bytes.Buffer
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for n := range frames {
		paint(img, n)
		raw.Write(img.Pix)
	}
	args := []string{"-f", "rawvideo", "-pix_fmt", "rgba", "-s", fmt.Sprintf("%dx%d", w, h), "-r", strconv.Itoa(fps), "-i", "-", "-pix_fmt", "yuv420p"}
	ffmpeg(&raw, append(append(args, codec...), filepath.Join("data", name)))
}

// beep makes two seconds of sound: a tone of 100 ms at the start of each second.
func beep(name string, hz float64) {
	var raw bytes.Buffer
	for i := range 2 * 48000 {
		t := float64(i)/48000 + lookahead
		var v float64
		if in := math.Mod(t, 1); in < clip.BeepSeconds {
			v = 0.5 * math.Sin(2*math.Pi*hz*in) * math.Min(1, math.Min(in, clip.BeepSeconds-in)/0.002)
		}
		s := int16(v * 32767)
		raw.Write([]byte{byte(s), byte(s >> 8)})
	}
	ffmpeg(&raw, []string{"-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "-", "-c:a", "libopus", "-b:a", "16k", "-vbr", "on", "-frame_duration", "20", "-application", "audio", filepath.Join("data", name)})
}

func ffmpeg(in *bytes.Buffer, args []string) {
	cmd := exec.Command("ffmpeg", append([]string{"-hide_banner", "-loglevel", "error", "-y"}, append(args[:len(args)-1:len(args)-1], "-fflags", "+bitexact", "-flags", "+bitexact", "-map_metadata", "-1", args[len(args)-1])...)...)
	cmd.Stdin, cmd.Stderr = in, os.Stderr
	if err := cmd.Run(); err != nil {
		log.Fatalf("%v: %v", cmd.Args, err)
	}
}
