package admin

import (
	"strconv"

	"tutti/front"
)

// AppendNginxStatus appends the four lines of nginx's stub_status, as nginx writes them with
// their trailing spaces.
func AppendNginxStatus(dst []byte, st front.Stats) []byte {
	dst = append(dst, "Active connections: "...)
	dst = strconv.AppendInt(dst, int64(st.Active), 10)
	dst = append(dst, " \nserver accepts handled requests\n "...)
	dst = strconv.AppendUint(dst, st.Accepted, 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, st.Handled, 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, st.Requests, 10)
	dst = append(dst, " \nReading: "...)
	dst = strconv.AppendInt(dst, int64(st.Reading), 10)
	dst = append(dst, " Writing: "...)
	dst = strconv.AppendInt(dst, int64(st.Writing), 10)
	dst = append(dst, " Waiting: "...)
	dst = strconv.AppendInt(dst, int64(st.Waiting), 10)
	return append(dst, " \n"...)
}
