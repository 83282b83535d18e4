package transfer

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
)

// nameList is the names in one folder, in little memory: there may be a million of them.
type nameList struct {
	chunks [][]byte
	order  []uint32 // where each name lies: the chunk's number and, in 16 bits, the place in it, where its length stands before it
}

const (
	nameChunk = 1 << 16 // bytes
	readNames = 1024    // at a time
)

// namesIn reads a folder and sorts its names.
func namesIn(folder string) (*nameList, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n := new(nameList)
	for {
		names, err := f.Readdirnames(readNames)
		for _, name := range names {
			n.add(name)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(n.order, func(a, b uint32) int { return bytes.Compare(n.bytes(a), n.bytes(b)) })
	return n, nil
}

func (n *nameList) add(name string) {
	last := len(n.chunks) - 1
	if last < 0 || len(n.chunks[last])+2+len(name) > nameChunk {
		size := 0 // the first one grows, since most folders are small
		if last >= 0 {
			size = nameChunk
		}
		n.chunks = append(n.chunks, make([]byte, 0, size))
		last++
	}
	n.order = append(n.order, uint32(last)<<16|uint32(len(n.chunks[last])))
	n.chunks[last] = append(n.chunks[last], byte(len(name)>>8), byte(len(name)))
	n.chunks[last] = append(n.chunks[last], name...)
}

// bytes is the name at one place.
func (n *nameList) bytes(at uint32) []byte {
	b := n.chunks[at>>16][at&0xffff:]
	return b[2 : 2+(int(b[0])<<8|int(b[1]))]
}
