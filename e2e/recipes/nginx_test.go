//go:build !race

package recipes

import (
	"fmt"
	"os"
	"testing"
)

// startNginx starts nginx with what belongs into its http block.
func startNginx(t *testing.T, addr, http string) *server {
	t.Helper()
	dir := t.TempDir()
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // to reach the directories
	}
	conf := file(t, "nginx.conf", fmt.Sprintf(`%sdaemon off;
master_process off;
pid %s/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
access_log off;
client_body_temp_path %s/body; proxy_temp_path %s/proxy; fastcgi_temp_path %s/fastcgi;
uwsgi_temp_path %s/uwsgi; scgi_temp_path %s/scgi;
%s}
`, user, dir, dir, dir, dir, dir, dir, http))
	return serve(t, addr, "nginx", "-p", dir, "-e", "stderr", "-c", conf)
}
