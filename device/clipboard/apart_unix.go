//go:build unix

package clipboard

import (
	"os/exec"
	"syscall"
)

// apart keeps signals of the terminal from a command.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
