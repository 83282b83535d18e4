//go:build unix

package transfer

import (
	"context"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// BenchmarkTransfer moves one file of 256 MiB over lanes in memory, disk to disk: what the transfer itself costs both ends.
func BenchmarkTransfer(b *testing.B) {
	for _, lanes := range []int{1, 4} {
		b.Run(map[int]string{1: "lane", 4: "lanes"}[lanes], func(b *testing.B) {
			const size = 256 << 20
			dir := b.TempDir()
			path := filepath.Join(dir, "file")
			writeLarge(b, path, size)
			b.SetBytes(size)
			b.ReportAllocs()
			var before, after syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for b.Loop() {
				source, err := NewSource([]string{path}, SourceOptions{NoPack: true})
				if err != nil {
					b.Fatal(err)
				}
				sink, err := NewSink(b.TempDir(), SinkOptions{})
				if err != nil {
					b.Fatal(err)
				}
				n := newNetwork(lanes)
				done := make(chan error, 1)
				go func() { done <- source.Serve(context.Background(), n.sender(), nil) }()
				if err := sink.Run(context.Background(), n.receiver()); err != nil {
					b.Fatal(err)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				_ = sink.Close()
			}
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			cpu := float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano()) / 1e9
			b.ReportMetric(cpu/(float64(b.N)*size/1e9), "cpu-s/GB")
			var mem runtime.MemStats
			runtime.ReadMemStats(&mem)
			b.ReportMetric(float64(mem.Sys)/1e6, "MB-sys")
		})
	}
}
