package clip

import (
	"embed"
	"fmt"
	"image/color"
	"slices"
	"sync"
	"time"
)

//go:embed data
var files embed.FS

// The shape of every built-in clip. They loop without a seam: at each whole second the picture is
// white for FlashFrames frames while a tone sounds for BeepSeconds.
const (
	FPS         = 25
	FlashFrames = 2
	BeepSeconds = 0.1
)

// Colour is what tells the built-in clips red to grey apart, by eye, ear and machine.
type Colour struct {
	Name  string
	Value color.RGBA
	Tone  int // of the beep, in Hz
}

// Colours are the small VP8 clips of 320x180. Clip i shows its number as three blocks of 64x64
// pixels at (32, 16), (128, 16) and (224, 16): white is 1, black is 0, the highest bit first.
var Colours = []Colour{
	{"red", color.RGBA{200, 30, 30, 255}, 400},
	{"green", color.RGBA{20, 140, 40, 255}, 600},
	{"blue", color.RGBA{30, 50, 200, 255}, 800},
	{"yellow", color.RGBA{210, 190, 20, 255}, 1000},
	{"purple", color.RGBA{130, 30, 160, 255}, 1200},
	{"cyan", color.RGBA{20, 170, 180, 255}, 1400},
	{"orange", color.RGBA{230, 120, 20, 255}, 1600},
	{"grey", color.RGBA{90, 90, 90, 255}, 1800},
}

// builtin is a picture and a sound in data/.
type builtin struct {
	name, video, audio string
	lower              []string // smaller encodings of the picture
}

var builtins = sync.OnceValue(func() []builtin {
	list := []builtin{{name: "clock", video: "clock.ivf", audio: "yellow.ogg"}}
	for _, c := range Colours {
		list = append(list, builtin{name: c.Name, video: c.Name + ".ivf", audio: c.Name + ".ogg"})
	}
	return append(list,
		builtin{name: "h264", video: "h264.h264", audio: "red.ogg"},
		builtin{name: "vp9", video: "vp9.ivf", audio: "red.ogg"},
		builtin{name: "av1", video: "av1.ivf", audio: "red.ogg"},
		builtin{name: "layers", video: "layers-360.ivf", audio: "green.ogg", lower: []string{"layers-90.ivf", "layers-180.ivf"}})
})

// Names lists the built-in clips: "clock" (640x360, ten seconds), one for each of Colours, "h264",
// "vp9" and "av1", which show the same as "red", and "layers", the clock's first two seconds in three
// sizes for simulcast: 160x90, 320x180 and 640x360.
func Names() []string {
	var names []string
	for _, b := range builtins() {
		names = append(names, b.name)
	}
	return names
}

// Open returns a built-in clip, with sound.
func Open(name string) (*Clip, error) {
	all := builtins()
	i := slices.IndexFunc(all, func(b builtin) bool { return b.name == name })
	if i < 0 {
		return nil, fmt.Errorf("clip: no built-in clip %q: there are %v", name, Names())
	}
	audio, err := files.ReadFile("data/" + all[i].audio)
	if err != nil {
		return nil, err
	}
	c := &Clip{layers: len(all[i].lower) > 0}
	for _, name := range append([]string{all[i].video}, all[i].lower...) {
		video, err := files.ReadFile("data/" + name)
		if err != nil {
			return nil, err
		}
		if err := c.add(Options{FPS: FPS}, memory(video), int64(len(video))); err != nil {
			return nil, fmt.Errorf("clip: %s: %w", name, err)
		}
	}
	if err := c.arrange(); err != nil {
		return nil, err
	}
	if err := c.add(Options{}, memory(audio), int64(len(audio))); err != nil {
		return nil, fmt.Errorf("clip: %s: %w", all[i].audio, err)
	}
	c.Audio.level = beepLevel
	c.Audio.cut(2 * time.Second) // the encoder's delay makes one packet more
	c.Audio.repeat(c.Video.Length)
	return c, nil
}

// beepLevel is the sound of a built-in clip at a time within it (RFC 6464): a sine of half the full
// scale while it beeps, else silence.
func beepLevel(at time.Duration) (level uint8, voice bool) {
	if at%time.Second < BeepSeconds*1000*time.Millisecond {
		return 9, true
	}
	return 127, false
}
