package screen

import (
	"context"
	"image"
)

func capturePortal(ctx context.Context, r Request) (image.Image, error) { return nil, ErrNoDisplay }
