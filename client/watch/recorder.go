package watch

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/h264writer"
	"github.com/pion/webrtc/v4/pkg/media/ivfwriter"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"

	"switchyard/media"
)

// Recorder writes the first picture and the first sound that arrive, as they arrive: IVF (VP8, VP9, AV1)
// or H.264 Annex B, and Ogg Opus. Lost packets leave holes.
type Recorder struct {
	base  string
	kinds map[string]bool // which are wanted

	mu    sync.Mutex
	of    map[string]*stream   // guarded by mu, as all below: which stream is written, by kind
	files map[string]rtpWriter // by kind
	paths []string
	err   error
}

type rtpWriter interface {
	WriteRTP(*rtp.Packet) error
	Close() error
}

// NewRecorder takes the name of a file. One that ends in .ivf or .h264 writes only the picture, one
// that ends in .ogg only the sound; any other gets both, with these endings added.
func NewRecorder(path string) *Recorder {
	r := &Recorder{base: path, kinds: map[string]bool{"video": true, "audio": true}, of: map[string]*stream{}, files: map[string]rtpWriter{}}
	switch ext := filepath.Ext(path); ext {
	case ".ivf", ".h264":
		r.base, r.kinds["audio"] = strings.TrimSuffix(path, ext), false
	case ".ogg", ".opus":
		r.base, r.kinds["video"] = strings.TrimSuffix(path, ext), false
	}
	return r
}

// Write takes a packet of a stream. Errors end the recording of that kind; Close returns the first.
func (r *Recorder) Write(s *stream, p *rtp.Packet, c webrtc.RTPCodecParameters) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.kinds[s.kind] || len(p.Payload) == 0 || r.of[s.kind] != nil && r.of[s.kind] != s {
		return
	}
	if r.of[s.kind] == nil {
		r.of[s.kind] = s
		if err := r.open(s.kind, c); err != nil {
			r.fail(s.kind, err)
			return
		}
	}
	if err := r.files[s.kind].WriteRTP(p); err != nil {
		r.fail(s.kind, err)
	}
}

func (r *Recorder) fail(kind string, err error) {
	r.kinds[kind] = false
	if r.err == nil {
		r.err = err
	}
}

func (r *Recorder) open(kind string, c webrtc.RTPCodecParameters) error {
	var w rtpWriter
	var err error
	path := r.base
	switch codec := parseMime(c.MimeType); codec {
	case media.VP8, media.VP9, media.AV1:
		path += ".ivf"
		w, err = ivfwriter.New(path, ivfwriter.WithCodec(c.MimeType), ivfwriter.WithFrameRate(1, 90000), ivfwriter.WithDirectPTS())
	case media.H264:
		path += ".h264"
		w, err = h264writer.New(path)
	case media.Opus:
		path += ".ogg"
		w, err = oggwriter.New(path, 48000, max(c.Channels, 1))
	default:
		return fmt.Errorf("watch: %s cannot be written to a file", codec)
	}
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	r.files[kind] = w
	r.paths = append(r.paths, path)
	return nil
}

// Close finishes the files and lists them.
func (r *Recorder) Close() ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, w := range r.files {
		r.kinds[kind] = false
		if err := w.Close(); err != nil && r.err == nil {
			r.err = err
		}
	}
	r.files = map[string]rtpWriter{}
	return r.paths, r.err
}
