//go:build !linux

package path

import (
	"net"

	"golang.org/x/net/ipv4"
)

// oobSize is room for the control messages of one read.
const oobSize = 0

// canCut: messages are datagrams here.
const canCut = false

// tune asks the kernel for what is fast. What it refuses is done without.
func tune(c *net.UDPConn) {
	_ = c.SetReadBuffer(kernelBuffer)
	_ = c.SetWriteBuffer(kernelBuffer)
}

// readBuffer is 0: what is read one by one does not rest.
func readBuffer(*net.UDPConn) int { return 0 }

// batchReader returns what fills one message.
func batchReader(c *net.UDPConn) func([]ipv4.Message) (int, error) {
	return func(ms []ipv4.Message) (int, error) {
		n, from, err := c.ReadFromUDP(ms[0].Buffers[0])
		if err != nil {
			return 0, err
		}
		ms[0].N, ms[0].NN, ms[0].Addr = n, 0, from
		return 1, nil
	}
}

// segmentSize is 0: no datagrams are put into one message here.
func segmentSize([]byte) int { return 0 }

// onlySegments keeps nothing of what quic-go says to the kernel.
func onlySegments([]byte) []byte { return nil }

// appendSegmentSize is not used where messages are not cut.
func appendSegmentSize(oob []byte, _ int) []byte { return oob }

func cannotCut(error) bool { return false }
