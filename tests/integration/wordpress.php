<?php
// Debian's WordPress over the database in SITE_FOLDER: as a script of `php -S` it answers requests, on the command line
// it calls functions of WordPress: [[name, [argument, ...]], ...] in, what they return out, both as JSON.
define('FOLDER', getenv('SITE_FOLDER'));
define('DB_NAME', 'wordpress');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:' . FOLDER . '/socket');
define('DB_CHARSET', 'utf8mb4');
define('WP_HOME', getenv('SITE_URL'));
define('WP_SITEURL', getenv('SITE_URL'));
define('WP_CONTENT_DIR', FOLDER . '/content');
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('ABSPATH', '/usr/share/wordpress/');
$table_prefix = 'wp_';

if (PHP_SAPI === 'cli') {
    $calls = json_decode(stream_get_contents(STDIN), true);
    if ($calls[0][0] === 'wp_install') {
        define('WP_INSTALLING', true);
        $_SERVER['HTTP_HOST'] = parse_url(WP_HOME, PHP_URL_HOST);
    }
    require ABSPATH . 'wp-settings.php';
    require ABSPATH . 'wp-admin/includes/upgrade.php';
    $said = [];
    foreach ($calls as [$name, $arguments]) {
        $said[] = $name(...$arguments);
    }
    echo json_encode($said);
} else {
    require ABSPATH . 'wp-settings.php';
    wp();
    require ABSPATH . WPINC . '/template-loader.php';
}
