package clip

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// layerRIDs name the encodings of a picture, the smallest first.
var layerRIDs = []string{"q", "h", "f"}

// ErrLayers means that pictures cannot be the encodings of one.
var ErrLayers = errors.New("clip: layers are two or three pictures of one codec and different sizes, with frames and keyframes at the same times")

// arrange sorts the encodings of a picture by size and sees that they belong together: a player sends
// frame after frame of all of them, and starts each at the same keyframes.
func (c *Clip) arrange() error {
	if len(c.Lower) == 0 {
		return nil
	}
	all := append(c.Lower, c.Video)
	slices.SortStableFunc(all, func(a, b *Stream) int { return cmp.Compare(a.Width*a.Height, b.Width*b.Height) })
	c.Lower, c.Video = all[:len(all)-1], all[len(all)-1]
	if len(all) > len(layerRIDs) {
		return fmt.Errorf("%w: there are %d", ErrLayers, len(all))
	}
	for i, s := range c.Lower {
		if s.Codec != c.Video.Codec || len(s.frames) != len(c.Video.frames) || s.Width*s.Height == all[i+1].Width*all[i+1].Height {
			return ErrLayers
		}
		for k, f := range s.frames {
			if o := c.Video.frames[k]; f.at != o.at || f.key != o.key {
				return fmt.Errorf("%w: frame %d differs", ErrLayers, k)
			}
		}
	}
	return nil
}
