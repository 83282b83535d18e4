//go:build !linux

package doctor

import (
	"errors"
	"net"
)

func dontFragment(*net.UDPConn, bool) error { return errors.ErrUnsupported }
