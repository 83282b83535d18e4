package screen

import (
	"fmt"
	"image"

	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xproto"
	"golang.org/x/sys/unix"

	"switchyard/device/x11"
)

// readShared reads by the MIT-SHM extension. The segment is marked for removal as soon as both sides have it, so that
// no crash leaves one behind.
func (f *frozen) readShared(area image.Rectangle) ([]byte, error) {
	if x11.Extension(f.X, "MIT-SHM") != nil {
		return nil, errNotShared
	}
	size := f.layout.stride(area.Dx()) * area.Dy()
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, size, unix.IPC_CREAT|0o600)
	if err != nil {
		return nil, errNotShared
	}
	memory, err := unix.SysvShmAttach(id, 0, 0)
	if err != nil {
		_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		return nil, errNotShared
	}
	defer func() { _ = unix.SysvShmDetach(memory) }()
	seg, err := shm.NewSegId(f.X)
	if err == nil {
		err = shm.AttachChecked(f.X, seg, uint32(id), false).Check() // a server elsewhere refuses here
	}
	_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	if err != nil {
		return nil, errNotShared
	}
	defer shm.Detach(f.X, seg)
	_, err = x11.Reply(shm.GetImage(f.X, xproto.Drawable(f.pixmap), int16(area.Min.X), int16(area.Min.Y),
		uint16(area.Dx()), uint16(area.Dy()), allPlanes, xproto.ImageFormatZPixmap, seg, 0).Reply())
	if err != nil {
		return nil, fmt.Errorf("screen: the X server does not give its picture: %w", err)
	}
	return append([]byte(nil), memory[:size]...), nil
}
