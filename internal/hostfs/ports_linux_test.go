package hostfs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSockets(t *testing.T) {
	t.Parallel()
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 111 1 0
   1: 0100007F:9999 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 222 1 0
   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 333
   3: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 444
   4: junk:XX 0 0A 0 0 0 0 0 555
   5: 01:0050 0 0A 0 0 0 0 0 0 555
`
	var got []string
	for _, l := range parseSockets(strings.NewReader(table), TCP, "0A") {
		got = append(got, l.Addr.String()+" "+string(l.Protocol)+" "+string(rune('0'+l.inode/111)))
	}
	if diff := cmp.Diff([]string{"127.0.0.1 tcp 1", "::1 tcp 3", "127.0.0.1 tcp 4"}, got); diff != "" {
		t.Error(diff)
	}
}
