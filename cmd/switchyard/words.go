package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	"switchyard/client"
	"switchyard/protocol"
)

// unreachable says why a server does not answer, and what to look at.
func unreachable(base string, err error) error {
	if inside, ok := errors.AsType[*url.Error](err); ok {
		err = inside.Err // without the URL, which can hold a secret
	}
	who := "the server " + base
	if base == "" {
		who = "the server"
	}
	name, isName := errors.AsType[*net.DNSError](err)
	var unknown x509.UnknownAuthorityError
	var mismatch x509.HostnameError
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted before the server answered")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s does not answer: the connection was refused; check the address, and that it runs", who)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s does not answer in time: check the address, and the firewalls on the way", who)
	case isName:
		return fmt.Errorf("%s does not answer: there is no address for the name %s; check how it is written", who, name.Name)
	case errors.As(err, &unknown), errors.As(err, &mismatch):
		return fmt.Errorf("%s does not show a certificate that this machine trusts: use its http:// address on the same machine, or give it a certificate (%w)", who, err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), strings.Contains(err.Error(), "HTTP response to HTTPS"):
		return fmt.Errorf("%s does not answer as it should: check that its address begins with the right one of http:// and https://", who)
	}
	return fmt.Errorf("%s does not answer: check the address (%w)", who, err)
}

// isNetwork tells whether an error is that of a request that found no server.
func isNetwork(err error) bool {
	return errors.As(err, new(*url.Error)) || errors.As(err, new(*net.OpError)) || errors.As(err, new(*net.DNSError))
}

// inWords is what a person is told of an error: what the server says about it as it says it, and a line alone.
func inWords(err error) string {
	if said, ok := errors.AsType[*protocol.Error](err); ok && said.Message != "" {
		return said.Message
	}
	if said, ok := errors.AsType[*client.StatusError](err); ok && strings.HasSuffix(said.Detail, ".") {
		return said.Detail
	}
	text := err.Error()
	for _, of := range []string{"client: ", "admin: ", "server: ", "doctor: ", "store: ", "transfer: ", "pake: ", "piece: ", "screen: ", "clipboard: ", "bus: "} {
		text = strings.TrimPrefix(text, of)
	}
	return strings.Join(strings.Fields(text), " ")
}
