//go:build !linux

package server

// usage is told only where we know how to ask.
func usage() processUsage { return processUsage{} }

// hostLimits are what the machine allows the server.
type hostLimits struct {
	known              bool
	diskFree, diskSize uint64
	files              uint64
	receive, send      int
	gso                bool
}

func udpBuffer(int) int { return 0 }

func readHost(string) hostLimits { return hostLimits{} }
