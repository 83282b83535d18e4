package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"time"

	"switchyard/app/transfer"
	"switchyard/device/clipboard"
	"switchyard/device/screen"
)

// shot is what is sent: a picture, or what was copied.
type shot struct {
	name string // as a file
	size image.Point
	form clipboard.Form
}

// pictures are the types that are taken from the clipboard, the best first, with the ends of their files' names.
var pictures = []struct{ kind, end string }{
	{"image/png", "png"}, {"image/webp", "webp"}, {"image/jpeg", "jpg"}, {"image/gif", "gif"}, {"image/bmp", "bmp"}, {"image/tiff", "tif"},
}

// take takes the picture, or reads the clipboard.
func (c *ShotCmd) take(ctx context.Context, what screen.Request) (*shot, error) {
	s, err := c.takeForm(ctx, what)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil, errInterrupted
	}
	return s, err
}

func (c *ShotCmd) takeForm(ctx context.Context, what screen.Request) (*shot, error) {
	if c.Clipboard {
		return takeClipboard(ctx)
	}
	img, err := screen.Capture(ctx, what)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	// A sixth larger, and ready in a third of the time: a person waits for the link.
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img); err != nil {
		return nil, err
	}
	return &shot{stamped("Screenshot", "png"), img.Bounds().Size(), clipboard.Form{Type: "image/png", Data: b.Bytes()}}, nil
}

func takeClipboard(ctx context.Context) (*shot, error) {
	var types []string
	for _, p := range pictures {
		types = append(types, p.kind)
	}
	f, err := clipboard.Read(ctx, append(types, clipboard.Text)...)
	if err != nil {
		return nil, err
	}
	s := &shot{name: stamped("Clipboard", "txt"), form: f}
	for _, p := range pictures {
		if f.Type == p.kind {
			s.name = stamped("Clipboard", p.end)
		}
	}
	if head, _, err := image.DecodeConfig(bytes.NewReader(f.Data)); err == nil {
		s.size = image.Pt(head.Width, head.Height)
	}
	return s, nil
}

// stamped is a name with the time in it, as desktops write it: no colon, which Windows refuses.
func stamped(word, end string) string {
	return word + " " + time.Now().Format("2006-01-02 15.04") + "." + end
}

// source is what app/transfer sends: a text is shown to the receiver, unless it is longer than one reads.
func (s *shot) source() (*transfer.Source, error) {
	if s.form.Type == clipboard.Text && len(s.form.Data) <= transfer.MaxText {
		return transfer.NewText(string(s.form.Data), transfer.SourceOptions{})
	}
	return transfer.NewSpool(bytes.NewReader(s.form.Data), s.name, transfer.SourceOptions{})
}

// describe says what it is in a line.
func (s *shot) describe() string {
	size := bytesText(int64(len(s.form.Data)))
	switch {
	case s.form.Type == clipboard.Text:
		return fmt.Sprintf("The text of the clipboard, %s.", size)
	case s.size != image.Point{}:
		return fmt.Sprintf("%s, %d x %d pixels, %s.", s.name, s.size.X, s.size.Y, size)
	}
	return fmt.Sprintf("%s, %s.", s.name, size)
}
