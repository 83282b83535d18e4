//go:build !linux

package bench

import (
	"context"
	"errors"
	"time"
)

// FloorResult is what the kernel and AES cost alone, in microseconds of CPU per packet.
type FloorResult struct {
	Destinations int     `json:"destinations"`
	Packet       int     `json:"packet"`
	Batch        int     `json:"batch"`
	Packets      uint64  `json:"packets"`
	PerPacket    float64 `json:"cpuPerPacket"`
	SealOnly     float64 `json:"sealPerPacket"`
}

// Floor needs UDP GSO, which only Linux has.
func Floor(context.Context, int, int, int, time.Duration) (FloorResult, error) {
	return FloorResult{}, errors.New("bench: the floor is measured with UDP GSO, which needs Linux")
}
