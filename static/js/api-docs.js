// The interactive API documentation: Swagger UI over our own description, with the CSRF token for sessions.
const place = document.getElementById("swagger-ui");

function csrfToken() {
  const pair = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return pair ? decodeURIComponent(pair.slice("csrftoken=".length)) : "";
}

window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.openapi,
  deepLinking: true,
  layout: "BaseLayout",
  validatorUrl: null,
  defaultModelsExpandDepth: -1,
  requestInterceptor(request) {
    const token = csrfToken();
    if (token) request.headers["X-CSRFToken"] = token;
    return request;
  },
});
