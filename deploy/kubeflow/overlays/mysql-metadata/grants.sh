# Read by the image's entry point when the data folder is new. KFP makes its databases itself, so its user needs no more
# than the right to these three.
for database in mlpipeline metadb cachedb; do
    docker_process_sql <<< "GRANT ALL PRIVILEGES ON \`${database}\`.* TO '${MYSQL_USER}'@'%';"
done
