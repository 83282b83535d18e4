//go:build !linux

package screen

import "image"

func (f *frozen) readShared(image.Rectangle) ([]byte, error) { return nil, errNotShared }
